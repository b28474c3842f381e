import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'status', run: async()=>0 };
