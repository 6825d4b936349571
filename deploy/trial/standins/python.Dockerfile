# Stands in for the image `python`: Debian 12, whose Python is 3.11, with the authorities that this machine trusts.
FROM landfall-trial/debian
COPY authorities /usr/local/share/ca-certificates/
RUN update-ca-certificates \
    && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED \
    && ln -s python3 /usr/bin/python
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
