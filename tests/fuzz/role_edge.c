/* Linked before and behind a role's files, with EDGE role_first, role_last. */
extern char EDGE[];

__attribute__((section("role.state"), no_sanitize("address"), aligned(64)))
char EDGE[64] = { 1 };
