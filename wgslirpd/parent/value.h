/* SPDX-License-Identifier: ISC */

#ifndef VALUE_H
#define VALUE_H

#include "conf.h"

/*
 * Each of these returns 0, or -1 after telling what is wrong.  Those that take
 * a char * free it, but for get_domain(), which changes it.
 */
int	 get_number(int64_t, int64_t, int64_t, const char *);
int	 get_port_range(const char *, struct rule *);
int	 get_prefix(char *, struct ipprefix *, const char *);
int	 get_addr(char *, struct ipaddr *, const char *);
int	 get_domain(char *, const char *);
int	 get_node(char *, uint8_t [KEY_LEN]);
int	 get_size(char *, uint64_t *, const char *);
int	 get_rate(char *, uint64_t *);
int	 get_seconds(char *, uint32_t *);
int	 get_time(char *, int64_t *);

#endif
