import type { CommandSpec } from '../command.ts'; export const command: CommandSpec = { args:'', options:[], help:'doctor', run: async()=>0 };
