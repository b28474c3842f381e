/**
 * What this server says of itself to a client that has no token yet (RFC 9728): its own address, who issues tokens for it,
 * and the scope to begin with. Only that one scope: what a client reads here it asks for all at once, and the others are
 * asked for when a call needs them. Pure.
 */
import { getOAuthProtectedResourceMetadataUrl } from "@modelcontextprotocol/server";
import { FIRST_SCOPE } from "../scopes.ts";

export function metadataUrl(resource: URL): string {
  return getOAuthProtectedResourceMetadataUrl(resource);
}

/** `issuers`: the authorization servers; none where tokens come from a file on this machine. */
export function metadataOf(resource: URL, issuers: readonly string[]): object {
  return {
    resource: resource.href,
    ...(issuers.length === 0 ? {} : { authorization_servers: issuers }),
    scopes_supported: [FIRST_SCOPE],
    bearer_methods_supported: ["header"],
    resource_name: "Tidemark",
  };
}
