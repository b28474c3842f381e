import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'search', run: async()=>0 };
