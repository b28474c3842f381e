/** The binary: runs the command line on this process. */
import { main } from "./main.ts";

// A reader that has seen enough (`| head`) closes the pipe; that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 70));
process.exitCode = await main(process.argv.slice(2), process.env);
