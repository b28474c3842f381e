import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'sessions', run: async()=>0 };
