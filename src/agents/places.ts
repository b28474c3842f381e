/** Where a user keeps things, as the shell tells it: agents' folders follow from it. */
export interface Places {
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
}
