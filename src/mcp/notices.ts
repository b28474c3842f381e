/**
 * News of what has changed, for clients of the older era: what `subscriptions/listen` is in the newer one, and the SDK serves
 * there, they ask for with `resources/subscribe`, and of changed lists they hear unasked. Leaves out who says that something
 * has changed.
 */
import { ProtocolError, ProtocolErrorCode, type Server, type ServerEvent, type ServerEventBus } from "@modelcontextprotocol/server";

export type Publish = (event: ServerEvent) => void;

/** Resources that one client may wait for. */
const MOST = 1000;

/** Before `connect`. The answer ends it. */
export function tellOfChanges(server: Server, bus: ServerEventBus, onTrouble: (error: unknown) => void): () => void {
  const awaited = new Set<string>();
  const { tools, prompts, resources } = server.getCapabilities();
  if (resources?.subscribe === true) {
    server.setRequestHandler("resources/subscribe", ({ params: { uri } }) => {
      if (awaited.size >= MOST && !awaited.has(uri)) throw new ProtocolError(ProtocolErrorCode.InternalError, "Subscription limit reached");
      awaited.add(uri);
      return {};
    });
    server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
      awaited.delete(uri);
      return {};
    });
  }
  const tell = async (event: ServerEvent): Promise<void> => {
    if (event.kind === "resource_updated") return awaited.has(event.uri) ? server.sendResourceUpdated({ uri: event.uri }) : undefined;
    if (event.kind === "tools_list_changed" && tools?.listChanged === true) return server.sendToolListChanged();
    if (event.kind === "prompts_list_changed" && prompts?.listChanged === true) return server.sendPromptListChanged();
    if (event.kind === "resources_list_changed" && resources?.listChanged === true) return server.sendResourceListChanged();
  };
  return bus.subscribe((event) => void tell(event).catch(onTrouble));
}
