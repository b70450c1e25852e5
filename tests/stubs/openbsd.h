/* What OpenBSD's <unistd.h> has and others lack, to compile its fence here. */
int pledge(const char *, const char *);
int unveil(const char *, const char *);
