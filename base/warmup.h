#ifndef BASE_WARMUP_H
#define BASE_WARMUP_H

struct tls;
struct tls_config;

/*
 * A handshake of this process with itself that comes to nothing, for its
 * children's sake: what the TLS library makes at its first one (it looks up
 * its algorithms by name, and keeps them) they share instead of making it
 * each for itself. No key is needed. It sets the signer; set it anew.
 */
void tls_warm_up(struct tls *server, struct tls_config *client);

/*
 * What has been freed so far is not used again. A process forked from this
 * one, which writes to a page, has a copy of it from then on: so its blocks
 * come side by side on new pages, and not out of holes all over old ones.
 * The holes are left to nobody, once, in the parent.
 */
void heap_close_up(void);

#endif
