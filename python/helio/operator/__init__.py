"""The operator port: health for everyone who may knock, the rest for those who hold the secret.

Above: `helio.app`. Below: `helio.protocol` (guards).
"""
