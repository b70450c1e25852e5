/*
 * Who may send as whom (RFC 6409 6.1). Pure.
 */
#ifndef MESSAGE_POLICY_H
#define MESSAGE_POLICY_H

#include <stdbool.h>

/*
 * May the user send as this address? senders is the list for him, parted by
 * spaces: addresses, @domain, or *; "" means the login itself, or
 * login@domain. Each address stands for its +detail forms too. The null
 * address is everybody's (RFC 6409 3.2).
 */
bool policy_allows(const char *user, const char *domain, const char *senders,
    const char *address);

#endif
