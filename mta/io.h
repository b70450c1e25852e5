/* Between mta/client.c and mta/body.c only. */
#ifndef MTA_IO_H
#define MTA_IO_H

#include "mta/client.h"

enum mta_status mta_wait(struct mta *, short events);
enum mta_status mta_write(struct mta *, const char *, size_t);
void mta_append(struct mta_buffer *, const char *, size_t);

#endif
