import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'verify', run: async()=>0 };
