# Two stages: one that compiles, one that runs. Plain instructions only, so that the classic builder of a
# distribution's own Docker builds it as well as BuildKit does.

# Not the slim one: the allocator is built by `make`.
FROM rust:1.95-bookworm AS build
WORKDIR /src

# The dependencies first, against an empty crate: a change of our code then compiles only our code.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir src \
 && echo '' > src/lib.rs \
 && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked \
 && rm -r src

# What may be in here is listed in .dockerignore.
COPY . .
# The empty crate above is newer than the sources just copied; cargo goes by time.
RUN find src -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --bin botyard \
 && mkdir -p /image/data /image/etc/botyard/bots.d \
 && chown -R 10001:10001 /image/data


FROM debian:bookworm-slim
# No package is installed: certificate roots are compiled in, and nothing here calls a shell.

# Fixed, so that a volume or a secret's file mode can be prepared for it.
COPY --from=build /image/ /
COPY --from=build /src/target/release/botyard /usr/local/bin/botyard
USER 10001:10001

# In its own network namespace a container must listen on all addresses to be reached at all.
# Which of the ports the world sees is decided where the container is run.
ENV BOTYARD_LISTEN=0.0.0.0:8080 \
    BOTYARD_ADMIN__LISTEN=0.0.0.0:8081 \
    BOTYARD_BOTS_DIR=/etc/botyard/bots.d \
    BOTYARD_DATA_DIR=/data
EXPOSE 8080 8081
VOLUME /data
# Relative paths of flags and of `botyard.toml` start here, where the program may write.
WORKDIR /data
STOPSIGNAL SIGTERM

# The list form: no shell is needed. `start-period` covers migrations of a big store.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["botyard", "healthcheck"]

ENTRYPOINT ["botyard"]
# Without settings `serve` says what it lacks and ends; it never turns into the simulator by itself.
CMD ["serve"]
