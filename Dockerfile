# One image for workers and edge: the command decides. To add actors of your own:
#
#   FROM natya
#   COPY my_actors /app/my_actors        (then: natya worker --app my_actors)

FROM python:3.13.9-slim-bookworm AS build
WORKDIR /source
RUN python -m venv /opt/natya
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY platform platform
COPY edge edge
COPY actors actors
COPY ops ops
RUN /opt/natya/bin/pip install --no-cache-dir .

FROM python:3.13.9-slim-bookworm
RUN useradd --system --uid 10001 --user-group --home-dir /app --create-home natya \
    && install -d -o natya -g natya -m 700 /keys
COPY --from=build /opt/natya /opt/natya
# Volumes that are mounted here begin with this owner.
RUN install -d -o natya -g natya /authority /certificates /trust
ENV PATH=/opt/natya/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["natya", "--help"]
