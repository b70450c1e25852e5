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

#endif
