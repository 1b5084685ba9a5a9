// Uses the client that openapi-generator has written for TypeScript: makes a key, lifts a restriction of it, reads it back.
import { Configuration, KeysApi } from "./generated";

declare const process: { env: Record<string, string>; exit(code: number): never };

function demand(holds: boolean, what: unknown): void {
  if (!holds) throw new Error(JSON.stringify(what));
}

async function main(): Promise<void> {
  const keys = new KeysApi(new Configuration({ basePath: process.env.KEYWARD, apiKey: process.env.KEY }));
  const made = await keys.createKey({
    newKey: {
      name: "made by TypeScript",
      owner: process.env.OWNER,
      sites: { only: ["123"] },
      addresses: { only: ["192.0.2.0/24"] },
      limit: { perMinute: 60 },
      expiresAt: { at: new Date("2099-12-31T00:00:00Z") },
    },
  });
  const id = made.id;
  const renamed = await keys.updateKey({ id, keyChange: { name: "renamed" } });
  demand(renamed.addresses.only?.[0] === "192.0.2.0/24" && renamed.limit.perMinute === 60, renamed);
  const opened = await keys.updateKey({ id, keyChange: { addresses: { any: true } } });
  const read = await keys.getKey({ id });
  demand(JSON.stringify(read) === JSON.stringify(opened), [read, opened]);
  demand(read.addresses.any === true && read.addresses.only === undefined, read);
  demand(read.sites.only?.[0] === "123" && read.expiresAt.at?.getUTCFullYear() === 2099, read);
  const { sites, addresses, limit } = read;
  const again = await keys.updateKey({ id, keyChange: { sites, addresses, limit } });
  demand(again.revision === read.revision, [again, read]);
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await keys.listKeys({ limit: 1, cursor });
    found.push(...page.items.map((key) => key.id));
    cursor = page.next;
  } while (cursor !== undefined);
  demand(found.includes(id), found);
  console.log("done");
}

main().catch((fault) => {
  console.error(fault);
  process.exit(1);
});
