# The sidecar: one static binary in an empty image. docs/image.md has each choice's reason.
#
#   docker build --tag bidgate .
#   docker build --tag bidgate-example-bidder --target bidder .

ARG RUST_VERSION=1.95.0
FROM rust:${RUST_VERSION}-bookworm AS source
WORKDIR /bidgate
COPY . .

FROM source AS build
ARG SOURCE_DATE_EPOCH=0
RUN image/build bidgate /image && mkdir -p /socket/bidgate

FROM source AS build-bidder
ARG SOURCE_DATE_EPOCH=0
RUN image/build bidder /image

# The example that stands beside the sidecar in k8s/base.
FROM scratch AS bidder
COPY --from=build-bidder /image/ /
USER 65533:65533
EXPOSE 9090
ENTRYPOINT ["/bidder"]
# Asked from outside: by the probe of its pod.
HEALTHCHECK NONE

FROM scratch AS bidgate
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="bidgate" \
      org.opencontainers.image.description="The last check before a bid leaves the bidder: a gRPC sidecar that judges OpenRTB bid responses" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /socket/ /run/
USER 65532:65532
EXPOSE 50051 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/bidgate", "healthcheck"]
ENTRYPOINT ["/bidgate"]
CMD ["serve"]
