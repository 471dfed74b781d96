/* SPDX-License-Identifier: ISC */

#ifndef SOCKSUDP_H
#define SOCKSUDP_H

#include "listener.h"

#define SOCKS_IPV4	1
#define SOCKS_NAME	3
#define SOCKS_IPV6	4

/* The datagram socket beside a client's connection. */
extern const struct listener_ops	 socksudp_ops;

#endif
