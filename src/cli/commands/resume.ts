import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'resume', run: async()=>0 };
