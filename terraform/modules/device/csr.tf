# Whether a certificate signing request is all there. It is a sequence in DER, which tells its own
# length: byte 30, then 81 and the length in one byte, or 82 and the length in two. In base64, four
# digits are three bytes.

locals {
  base64 = split("", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

  csr_base64 = { for name, csr in var.cameras : name => replace(csr, "/-----[A-Z ]+-----|\\s/", "") }
  csr_bytes  = { for name, text in local.csr_base64 : name => floor(length(trim(text, "=")) * 6 / 8) }

  # The numbers of the first six digits hold the length.
  csr_digits = {
    for name, text in local.csr_base64 : name => [for digit in split("", substr(text, 0, 6)) : index(local.base64, digit)]
  }
  csr_bytes_declared = {
    for name, d in local.csr_digits : name => (
      d[2] < 8 ? 3 + d[2] % 4 * 64 + d[3] : 4 + (d[2] % 4 * 64 + d[3]) * 256 + d[4] * 4 + floor(d[5] / 16)
    )
  }
}
