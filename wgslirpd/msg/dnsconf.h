/* SPDX-License-Identifier: ISC */

#ifndef DNSCONF_H
#define DNSCONF_H

#include <stdint.h>

#include "msg.h"

/* Names for which there are upstreams of their own. */
#define MAX_ZONES	16
struct zone_msg {
	char		 name[HOST_NAME_LEN];	/* lower case */
};

/* A name that guests are not told, or are in spite of a list. */
struct block_msg {
	uint32_t	 allow;
	char		 name[HOST_NAME_LEN];	/* lower case */
};

struct block_file {
	uint64_t	 size;
	uint32_t	 allow;
	uint32_t	 pad;
};

#endif
