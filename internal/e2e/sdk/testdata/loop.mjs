// SPDX-License-Identifier: MPL-2.0

// Calls AWS until its standard input ends, by one client with the SDK's default chain. Each line says which key
// the client has, and whose AWS takes it for; or what went wrong.
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

process.stdin.on("end", () => process.exit(0)).resume();
const client = new STSClient({ maxAttempts: 1 });
for (;;) {
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    const { accessKeyId } = await client.config.credentials();
    console.log(accessKeyId, Arn);
  } catch (error) {
    console.log("error", `${error.message} ${JSON.stringify(error)}`.replaceAll("\n", " "));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
