import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'export', run: async()=>0 };
