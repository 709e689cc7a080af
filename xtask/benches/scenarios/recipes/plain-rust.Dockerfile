FROM $RUST AS build
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt cargo build --release --locked
# for each service

FROM gcr.io/distroless/cc-debian13:nonroot AS $SERVICE
COPY --from=build $BINARIES /
ENTRYPOINT ["/$SERVICE"]
