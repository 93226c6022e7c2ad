# One image for every process of ours; docker-compose.yml says which command each one runs.
FROM python:3.12-slim AS build
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir uv==0.9.13
WORKDIR /app
COPY locks locks
RUN uv venv /app/.venv && uv pip install --python /app/.venv/bin/python --require-hashes -r locks/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY stormpetrel stormpetrel
COPY streams streams
COPY consumers consumers
COPY api api
COPY config config
# The image's user may write no bytecode: without it every start compiles all imports again, half of its time.
RUN uv pip install --python /app/.venv/bin/python --no-deps -e . && python -m compileall -q stormpetrel streams consumers api
# Exports the text model in a throw-away environment: torch stays in this stage. It is fetched from its hub. Without one:
# --build-arg TEXT_MODEL=all-MiniLM-L6-v2, which is a package, knows English alone and has other languages glossed.
ARG TEXT_MODEL=paraphrase-multilingual-MiniLM-L12-v2
RUN STORMPETREL_TEXT_MODEL__NAME="$TEXT_MODEL" STORMPETREL_CACHE=/app/cache /app/.venv/bin/stormpetrel model export

FROM python:3.12-slim
# What the wheels need beyond the slim image: GDAL libexpat, numba's thread pool libgomp.
RUN apt-get update && apt-get install --yes --no-install-recommends libexpat1 libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 stormpetrel && mkdir -p /app/state /app/imagery /app/detector /app/keys /app/photos && chown stormpetrel /app/state /app/imagery /app/detector /app/keys /app/photos
WORKDIR /app
COPY --from=build /app /app
ARG TEXT_MODEL=paraphrase-multilingual-MiniLM-L12-v2
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1 MALLOC_ARENA_MAX=2 \
    STORMPETREL_TEXT_MODEL__NAME=$TEXT_MODEL STORMPETREL_CACHE=/app/cache STORMPETREL_LOCAL__DIRECTORY=/app/state \
    STORMPETREL_PHOTOS__STORE=/app/photos \
    STORMPETREL_IMAGERY__DIRECTORY=/app/imagery NUMBA_CACHE_DIR=/app/imagery/.numba \
    STORMPETREL_PROBE_HOST=0.0.0.0 STORMPETREL_API__HOST=0.0.0.0
USER stormpetrel
ENTRYPOINT ["stormpetrel"]
CMD ["--help"]
