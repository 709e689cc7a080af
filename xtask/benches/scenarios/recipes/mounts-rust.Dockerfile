FROM $RUST AS build
WORKDIR /app
COPY . .
RUN --mount=type=cache,id=mounts-target,target=/app/target \
    --mount=type=cache,id=mounts-git,target=/usr/local/cargo/git/db \
    --mount=type=cache,id=mounts-registry,target=/usr/local/cargo/registry \
    --mount=type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt \
    cargo build --release --locked && \
    mkdir -p /out/app/target/release && \
    find target/release -maxdepth 1 -type f -executable -exec cp '{}' /out/app/target/release/ ';'
# for each service

FROM gcr.io/distroless/cc-debian13:nonroot AS $SERVICE
COPY --from=build $OUT_BINARIES /
ENTRYPOINT ["/$SERVICE"]
