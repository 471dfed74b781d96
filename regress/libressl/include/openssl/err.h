/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_ERR_H
#define OPENSSL_ERR_H

/* As LibreSSL has it; see evp.h. */
void		 ERR_clear_error(void);
unsigned long	 ERR_get_error(void);
const char	*ERR_reason_error_string(unsigned long);

#endif
