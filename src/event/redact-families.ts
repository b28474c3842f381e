/**
 * The table of credential families that can be told by their own shape: a
 * prefix or a fixed layout. The engine in redact.ts finds the places worth
 * testing; each pattern here is sticky and is tried only at such a place.
 *
 * Left out: families without a shape of their own (a bare 32-digit hex key of
 * Datadog, a Heroku UUID, a Vercel token): those are told by the name they are
 * assigned to, in redact-context.ts. Also left out are keys meant to be public
 * (Stripe pk_, PostHog phc_, Mapbox pk.).
 */

export interface Family {
  readonly name: string;
  readonly description: string;
}

export interface ShapedFamily extends Family {
  /** Literal starts; the engine dispatches on their first two characters.
   * `?` means any character; a family starting with it is tried only after a long run found behind `.` or `:`. */
  readonly starts: readonly string[];
  /** Sticky. Open ends ({n,}) are preferred: a longer variant must not leave a tail behind. */
  readonly re: RegExp;
}

const f = (name: string, description: string, starts: string, re: RegExp): ShapedFamily => ({
  name,
  description,
  starts: starts.split(" "),
  re: new RegExp(re.source, "y"),
});

export const SHAPED: readonly ShapedFamily[] = [
  f("aws-access-key-id", "AWS access key id (AKIA, ASIA, ABIA, ACCA)", "AKIA ASIA ABIA ACCA", /A(?:KI|SI|BI|CC)A[A-Z0-9]{16}(?![A-Za-z0-9])/),
  f("github-token", "GitHub personal, OAuth, user, server or refresh token", "ghp_ gho_ ghu_ ghs_ ghr_", /gh[pousr]_[A-Za-z0-9]{30,}/),
  f("github-fine-grained-token", "GitHub fine-grained personal access token", "github_pat_", /github_pat_[A-Za-z0-9_]{22,}/),
  f(
    "gitlab-token",
    "GitLab personal, deploy, runner, trigger or feed token",
    "glpat- gldt- glrt- glrtr- glptt- glcbt- glsoat- glft- gloas- glimt- glagent- glwt- glffct-",
    /gl(?:pat|dt|rt|rtr|ptt|cbt|soat|ft|oas|imt|agent|wt|ffct)-[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]{2,}){0,3}/,
  ),
  f("anthropic-key", "Anthropic API, admin or OAuth key", "sk-ant-", /sk-ant-[A-Za-z0-9_-]{20,}/),
  f("openrouter-key", "OpenRouter key", "sk-or-", /sk-or-(?:v\d-)?[A-Za-z0-9]{32,}/),
  f("langfuse-key", "Langfuse secret key", "sk-lf-", /sk-lf-[0-9a-f]{8}-[0-9a-f-]{20,}/),
  f(
    "openai-key",
    "OpenAI key: legacy, project, service account or admin (also DeepSeek and other sk- keys)",
    "sk-",
    /sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,}(?:-[A-Za-z0-9]+)*)/,
  ),
  f("google-api-key", "Google API key", "AIza", /AIza[A-Za-z0-9_-]{33,39}(?![A-Za-z0-9_-])/),
  f("google-oauth-token", "Google OAuth access or refresh token", "ya29. 1//0", /(?:ya29\.[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*|1\/\/0[A-Za-z0-9_-]{30,})/),
  f("google-oauth-client-secret", "Google OAuth client secret", "GOCSPX-", /GOCSPX-[A-Za-z0-9_-]{20,}/),
  f(
    "slack-token",
    "Slack bot, user, app, refresh or workspace token",
    "xox xapp-",
    /(?:xox[abcdeoprs](?:\.xox[a-z])?-(?=[A-Za-z-]*\d)[A-Za-z0-9-]{14,}|xapp-\d-[A-Za-z0-9-]{14,})/,
  ),
  f("stripe-key", "Stripe secret or restricted key, live or test (also Clerk)", "sk_ rk_", /[sr]k_(?:live|test|prod)_[A-Za-z0-9]{12,}/),
  f("stripe-webhook-secret", "Stripe (or Svix) webhook signing secret", "whsec_", /whsec_[A-Za-z0-9+/]{20,}={0,2}/),
  f("elevenlabs-key", "ElevenLabs key", "sk_", /sk_[0-9a-f]{48}(?![A-Za-z0-9])/),
  f("twilio-key", "Twilio API key or account SID", "SK AC", /(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])/),
  f("sendgrid-key", "SendGrid API key", "SG.", /SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/),
  f("mailgun-key", "Mailgun private key", "key-", /(?<![_-])key-(?=[a-f]*\d)[0-9a-f]{32}(?![A-Za-z0-9])/),
  f("npm-token", "npm access token", "npm_", /npm_[A-Za-z0-9]{30,}/),
  f("pypi-token", "PyPI upload token", "pypi-", /pypi-A[A-Za-z0-9_-]{30,}/),
  f("docker-token", "Docker Hub access token", "dckr_", /dckr_[po]at_[A-Za-z0-9_-]{20,}/),
  f("huggingface-token", "Hugging Face token", "hf_ api_org_", /(?:hf|api_org)_[A-Za-z0-9]{30,}/),
  f("digitalocean-token", "DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", /do[opr]_v1_[0-9a-f]{40,}/),
  f("heroku-key", "Heroku key: HRKU- by shape, a UUID by its name", "HRKU-", /HRKU-[A-Za-z0-9_-]{30,}/),
  f("cloudflare-key", "Cloudflare origin CA key by shape, API tokens and keys by their name", "v1.0-", /v1\.0-[0-9a-f]{20,}-[0-9a-f]{100,}/),
  f(
    "vercel-token",
    "Vercel token: vcp_ and blob tokens by shape, others by their name",
    "vcp_ vci_ vck_ vcr_ vca_ vcc_ vercel_",
    /(?:vc[pikrac]_[A-Za-z0-9]{24,}|vercel_blob_rw_[A-Za-z0-9_]{20,})/,
  ),
  f("netlify-token", "Netlify token", "nfp_ nfc_ nfo_ nfu_ nfb_", /nf[pcoub]_[A-Za-z0-9]{30,}/),
  f("supabase-key", "Supabase access token or secret key", "sbp_ sb_secret_", /(?:sbp_(?:v0_)?[0-9a-f]{32,}|sb_secret_[A-Za-z0-9_-]{20,})/),
  f("linear-key", "Linear API key", "lin_", /lin_(?:api|oauth)_[A-Za-z0-9]{30,}/),
  f("notion-token", "Notion integration token", "secret_ ntn_", /(?:secret|ntn)_[A-Za-z0-9]{40,}/),
  f("sentry-token", "Sentry organization or user token", "sntry", /sntry[su]_[A-Za-z0-9+/=_-]{30,}/),
  f("discord-bot-token", "Discord bot token", "M? N? O?", /[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}/),
  f("shopify-token", "Shopify access token or shared secret", "shp", /shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32,}/),
  f("square-token", "Square access token or application secret", "sq0 EAAA", /(?:sq0[a-z]{3}-[A-Za-z0-9_-]{20,}|EAAA[A-Za-z0-9_-]{60}(?![A-Za-z0-9_-]))/),
  f("databricks-token", "Databricks token", "dapi", /dapi[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])/),
  f(
    "grafana-token",
    "Grafana service account, cloud or legacy API token",
    "glsa_ glc_ eyJrIjoi",
    /(?:glsa_[A-Za-z0-9]{20,}(?:_[0-9a-fA-F]{6,})?|glc_[A-Za-z0-9+/]{32,}={0,2}|eyJrIjoi[A-Za-z0-9+/]{40,}={0,2})/,
  ),
  f("vault-token", "HashiCorp Vault token", "hvs. hvb. hvr.", /hv[sbr]\.[A-Za-z0-9_-]{20,}/),
  f("terraform-cloud-token", "Terraform Cloud token", "?", /[A-Za-z0-9]{10,20}\.atlasv1\.[A-Za-z0-9_-]{40,}/),
  f("age-key", "age secret key", "AGE-", /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{50,}/),
  f("jwt", "JSON Web Token (signed, unsigned or encrypted)", "eyJ", /eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}/),
  f(
    "telegram-bot-token",
    "Telegram bot token",
    "?",
    /\d{8,10}:(?:AA[A-Za-z0-9_-]{32,33}|(?=[a-z0-9_-]*[A-Z])(?=[A-Z0-9_-]*[a-z])(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])/,
  ),
  f("postman-key", "Postman API key", "PMAK-", /PMAK-[0-9a-f]{24}-[0-9a-f]{20,}/),
  f("atlassian-token", "Atlassian or Bitbucket token", "ATATT3 ATBB ATCTT3", /(?:AT(?:A|C)TT3[A-Za-z0-9_=-]{40,}|ATBB[A-Za-z0-9]{24,})/),
  f("figma-token", "Figma token", "figd_ figo_ figu_ figr_", /fig[dour]_[A-Za-z0-9_-]{36,}/),
  f("doppler-token", "Doppler token", "dp.", /dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,}/),
  f("pulumi-token", "Pulumi token", "pul-", /pul-[0-9a-f]{40}(?![A-Za-z0-9])/),
  f("planetscale-token", "PlanetScale token or password", "pscale_", /pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}/),
  f("fly-token", "Fly.io token", "fm1 fm2 fo1_", /(?:fm[12][ar]?_[A-Za-z0-9+/]{40,}={0,2}|fo1_[A-Za-z0-9_-]{40,})/),
  f("render-key", "Render key", "rnd_", /rnd_[A-Za-z0-9]{28,}/),
  f("new-relic-key", "New Relic key", "NRA NRI NRB", /NR(?:AK|II|IQ|BR|AA)-[A-Za-z0-9_-]{24,}/),
  f("dynatrace-token", "Dynatrace token", "dt0", /dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{40,}/),
  f("mapbox-secret-token", "Mapbox secret token", "sk.", /sk\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/),
  f("buildkite-token", "Buildkite token", "bkua_ bkct_ bkar_ bkaj_ bkpt_ bkst_", /bk(?:ua|ct|ar|aj|pt|st)_[0-9a-f]{40,}/),
  f("circleci-token", "CircleCI token", "CCIP", /CCIP(?:AT|RJ)_[A-Za-z0-9]{15,}_[0-9a-f]{40}/),
  f("sonar-token", "SonarQube token", "sqp_ squ_ sqa_", /sq[pua]_[0-9a-f]{40}(?![A-Za-z0-9])/),
  f("rubygems-key", "RubyGems key", "rubygems_", /rubygems_[0-9a-f]{48}/),
  f("artifactory-key", "Artifactory key", "AKCp", /AKCp[A-Za-z0-9]{60,}/),
  f("brevo-key", "Brevo key", "xkeysib-", /xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{12,}/),
  f("groq-key", "Groq key", "gsk_", /gsk_[A-Za-z0-9]{40,}/),
  f("xai-key", "xAI key", "xai-", /xai-[A-Za-z0-9]{60,}/),
  f("perplexity-key", "Perplexity key", "pplx-", /pplx-[A-Za-z0-9]{40,}/),
  f("replicate-token", "Replicate token", "r8_", /r8_[A-Za-z0-9]{37,}/),
  f("pinecone-key", "Pinecone key", "pcsk_", /pcsk_[A-Za-z0-9]+_[A-Za-z0-9]{40,}/),
  f("langsmith-key", "LangSmith key", "lsv2_", /lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}/),
  f("tavily-key", "Tavily key", "tvly-", /tvly-(?:dev-|prod-)?[A-Za-z0-9]{28,}/),
  f("posthog-key", "PostHog personal key", "phx_", /phx_[A-Za-z0-9]{40,}/),
  f("resend-key", "Resend key", "re_", /re_[A-Za-z0-9]{8}_[A-Za-z0-9]{22,}/),
  f("neon-key", "Neon API key", "napi_", /napi_[a-z0-9]{50,}/),
  f("onepassword-token", "1Password service account token", "ops_", /ops_eyJ[A-Za-z0-9_-]{100,}={0,2}/),
  f("alibaba-key-id", "Alibaba Cloud access key id", "LTAI", /LTAI[A-Za-z0-9]{16,20}(?![A-Za-z0-9])/),
  f("facebook-token", "Facebook access token", "EAA", /EAA[A-Z][A-Za-z0-9]{80,}/),
  f("airtable-token", "Airtable token", "pat", /pat[A-Za-z0-9]{14}\.[0-9a-f]{64}/),
  f("contentful-token", "Contentful token", "CFPAT-", /CFPAT-[A-Za-z0-9_-]{40,}/),
];

/** Families the context rules and the entropy rule report, in the order a reader would look for them. */
export const CONTEXTUAL: readonly Family[] = [
  { name: "private-key", description: "PEM, SSH or PGP private key block, also with escaped newlines or cut short" },
  { name: "gcp-service-account-key", description: "private key of a Google service account file" },
  { name: "aws-secret-access-key", description: "AWS secret access key or session token, by its name or next to an access key id" },
  { name: "slack-webhook", description: "Slack incoming webhook or workflow URL" },
  { name: "discord-webhook", description: "Discord webhook URL" },
  { name: "url-password", description: "password or token in the user part of a URL or connection string" },
  { name: "azure-account-key", description: "Azure storage or service bus key (AccountKey=, SharedAccessKey=)" },
  { name: "azure-sas", description: "signature of an Azure shared access URL (sig=)" },
  { name: "azure-client-secret", description: "Azure AD (Entra) client secret" },
  { name: "datadog-key", description: "Datadog API or application key, by its name" },
  { name: "authorization", description: "credentials of an Authorization header, or after the word Bearer" },
  { name: "basic-auth", description: "user:password given to curl or wget, docker config and .npmrc auth" },
  { name: "cookie", description: "session value in a Cookie or Set-Cookie header" },
  { name: "password", description: "value assigned to a name that says password" },
  { name: "secret", description: "value assigned to a name that says secret, credential or private key" },
  { name: "token", description: "value assigned to a name that says token" },
  { name: "api-key", description: "value assigned to a name that says API key or access key" },
  { name: "high-entropy", description: "a long random token without a name, found by its mixture of characters" },
];
