import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'forget', run: async()=>0 };
