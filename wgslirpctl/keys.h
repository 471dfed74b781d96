/* SPDX-License-Identifier: ISC */

#ifndef KEYS_H
#define KEYS_H

/* Print a new private key, or with 1 a preshared key. */
void	 key_generate(int);

/* Print the public key of the private one on standard input; exit status. */
int	 key_public(void);

#endif
