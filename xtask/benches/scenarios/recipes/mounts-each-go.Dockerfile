FROM golang:1.26-trixie AS base
# The id of a mount is no part of a step's key: in the folder of another recipe, its download would count as done.
WORKDIR /app
COPY go.mod go.sum ./
RUN --mount=type=cache,id=mounts-each-go-mod,target=/go/pkg/mod \
    --mount=type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt \
    go mod download
# for each service

FROM base AS build-$SERVICE
RUN --mount=type=cache,id=mounts-each-go-mod,target=/go/pkg/mod \
    --mount=type=cache,id=mounts-each-go-build,target=/root/.cache/go-build \
    --mount=type=bind,target=. \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/$SERVICE ./cmd/$SERVICE

FROM gcr.io/distroless/static-debian13:nonroot AS $SERVICE
COPY --from=build-$SERVICE /out/$SERVICE /
ENTRYPOINT ["/$SERVICE"]
