/* SPDX-License-Identifier: ISC */

#ifndef BLAKE2S_H
#define BLAKE2S_H

#include <sys/types.h>

#include <stdint.h>

/*
 * BLAKE2s (RFC 7693), for a libcrypto that has none: LibreSSL's.  Sequential,
 * without salt and personalisation; a digest of so many bytes is not a longer
 * one cut off.  A state that was finished is wiped.
 */
#define BLAKE2S_BLOCK	64
#define BLAKE2S_LEN	32	/* bytes of a digest, and of a key, at most */

struct blake2s {
	uint32_t	 h[8];
	uint64_t	 total;		/* bytes that were compressed */
	uint8_t		 buf[BLAKE2S_BLOCK];
	size_t		 used;
	size_t		 outlen;
};

/* 1 to 32 bytes of digest; a key of 0 to 32 bytes. */
void	 blake2s_init(struct blake2s *, size_t, const void *, size_t);
void	 blake2s_update(struct blake2s *, const void *, size_t);
void	 blake2s_final(struct blake2s *, uint8_t *);

#endif
