/**
 * Who may come in: the half of OAuth 2.1 that a server of resources has. A token is taken from the Authorization header and
 * nowhere else, must be known to the verifier, must have been issued for this very server, must not be over, and must be
 * good for something. The verifier is a function, so that a file on this machine and an authorization server are the same to
 * what follows. Leaves out issuing tokens, and what a single tool takes (scopes.ts).
 *
 * What goes on behind the gate never sees the token.
 */
import { bearerAuthChallengeResponse, OAuthError, OAuthErrorCode, verifyBearerToken, type AuthInfo } from "@modelcontextprotocol/server";
import { FIRST_SCOPE, withImplied } from "../scopes.ts";
import { metadataUrl } from "./metadata.ts";

export interface Grant {
  /** Whom the token stands for. Everything that is kept between two requests is kept under this name. */
  readonly principal: string;
  readonly scopes: readonly string[];
  /** The server that it was issued for, as a URL (RFC 8707). */
  readonly audience: string;
  /** Seconds since 1970; Infinity for one that holds until it is replaced. */
  readonly expiresAt: number;
}

/** Undefined for a token that is not known, or was withdrawn. Throws where that cannot be said; the answer is then 500. */
export type VerifyToken = (token: string) => Promise<Grant | undefined>;

export interface Gate {
  /** The address of this server as clients name it: the audience that tokens must have. */
  readonly resource: URL;
  readonly verify: VerifyToken;
  /** Of what broke, for the log. Never given a token. */
  readonly onTrouble: (error: unknown) => void;
}

export type Admitted = { readonly auth: AuthInfo } | { readonly refused: Response };

export async function admit(authorization: string | undefined, { resource, verify, onTrouble }: Gate): Promise<Admitted> {
  const options = { requiredScopes: [FIRST_SCOPE], resourceMetadataUrl: metadataUrl(resource) };
  // A request that brings nothing has made no mistake, so its challenge names none (RFC 6750 §3.1).
  if (authorization === undefined) return { refused: unasked(options) };
  try {
    const verifier = { verifyAccessToken: async (token: string) => infoOf(await verify(token)) };
    return { auth: await verifyBearerToken(authorization, { ...options, verifier, expectedResource: resource }) };
  } catch (error) {
    if (!(error instanceof OAuthError)) onTrouble(error);
    return { refused: bearerAuthChallengeResponse(error, options) };
  }
}

/** The token itself is left out: nothing behind the gate has a use for it, and what is not there cannot be passed on. */
function infoOf(grant: Grant | undefined): AuthInfo {
  if (grant === undefined) throw new OAuthError(OAuthErrorCode.InvalidToken, "Unknown token");
  return { token: "", clientId: grant.principal, scopes: [...withImplied(grant.scopes)], expiresAt: grant.expiresAt, resource: audienceOf(grant) };
}

function audienceOf({ audience }: Grant): URL {
  try {
    return new URL(audience);
  } catch {
    throw new OAuthError(OAuthErrorCode.InvalidToken, "Token was not issued for this resource");
  }
}

function unasked({ requiredScopes, resourceMetadataUrl }: { readonly requiredScopes: readonly string[]; readonly resourceMetadataUrl: string }): Response {
  const challenge = `Bearer scope="${requiredScopes.join(" ")}", resource_metadata="${resourceMetadataUrl}"`;
  return Response.json({ error: "unauthorized", error_description: "A token is needed, in the Authorization header" }, { status: 401, headers: { "WWW-Authenticate": challenge } });
}
