FROM golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/ ./cmd/...
# for each service

FROM gcr.io/distroless/static-debian13:nonroot AS $SERVICE
COPY --from=build /out/$SERVICE /
ENTRYPOINT ["/$SERVICE"]
