/*
 * What must be done before the fences stand: read trust anchors, resolve
 * names. Afterwards imapfetch opens no file and asks no name server.
 */
#ifndef IMAP_PREPARE_H
#define IMAP_PREPARE_H

#include "imap/server.h"

/*
 * Reads the trust anchors for a server with TLS: the file, or the system's
 * if it is "". A failure is noted in account->broken.
 */
void imap_load_ca(struct imap_account *, const char *file);

/*
 * Looks up the server's addresses; of a server without TLS only loopback
 * ones are taken. A failure is noted in account->broken. The only place
 * where a name is resolved.
 */
void imap_resolve(struct imap_account *);

#endif
