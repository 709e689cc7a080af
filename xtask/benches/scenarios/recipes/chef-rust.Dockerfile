FROM $CHEF AS chef
WORKDIR /app

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /app/recipe.json recipe.json
RUN --mount=type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt \
    cargo chef cook --release --recipe-path recipe.json
COPY . .
# for each service

FROM builder AS build-$SERVICE
RUN cargo build --release $BINS

FROM gcr.io/distroless/cc-debian13:nonroot AS $SERVICE
COPY --from=build-$SERVICE $BINARIES /
ENTRYPOINT ["/$SERVICE"]
