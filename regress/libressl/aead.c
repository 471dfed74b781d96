/* SPDX-License-Identifier: ISC */

/* What is for LibreSSL, compiled against its interface and not that of here. */

#include "crypto/wg/aead_libressl.c"
