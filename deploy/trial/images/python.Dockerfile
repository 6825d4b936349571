# Stands in for the image `python`: Debian 12, whose Python is 3.11, where the image has it; and the authorities that this
# machine trusts.
FROM landfall-trial/debian
COPY authorities /usr/local/share/ca-certificates/
RUN update-ca-certificates \
    && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED \
    && ln -s /usr/bin/python3 /usr/local/bin/python && ln -s /usr/bin/python3 /usr/local/bin/python3
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
