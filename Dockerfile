# One image for web, worker, scheduler, migrate and doctor: the argument chooses (see entrypoint.sh).
#   docker build -t scrip .
#   docker run --rm --env-file .env -p 127.0.0.1:8000:8000 scrip web
FROM python:3.13-slim-trixie AS packages
RUN python -m venv /opt/venv
COPY constraints.txt requirements.txt ./
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="Scrip" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 scrip \
    && useradd --uid 10001 --gid scrip --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin scrip
WORKDIR /app
# .dockerignore lets in nothing but what runs: no tests, no embedded stack, no .env. Files belong to root, so that a
# process that was broken into cannot change them.
COPY --from=packages /opt/venv /opt/venv
COPY entrypoint.sh gunicorn.conf.py wsgi.py constraints.txt requirements.txt ./
COPY backend backend
COPY scripts scripts
COPY supabase supabase
USER 10001:10001
EXPOSE 8000
# SIGTERM: gunicorn finishes requests (30 s), a worker its generation (WORKER_GRACE_SECONDS). Let the platform's kill come later.
STOPSIGNAL SIGTERM
# Says whether the process of this container is alive, whichever it is. Whether it is of use says /ready.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["python", "scripts/health.py"]
ENTRYPOINT ["./entrypoint.sh"]
CMD ["web"]
