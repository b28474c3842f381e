import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'show', run: async()=>0 };
