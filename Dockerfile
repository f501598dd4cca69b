# The whole suite in a container, run by an ordinary user.
#
#   docker build --tag gctr .
#   docker run --name gctr gctr                    make results: every notebook on the embedded footage
#   docker cp gctr:/suite/build/report report      the report; results/ has its tables and figures
#   docker run --rm gctr make test
#   docker run --rm --publish 127.0.0.1:8888:8888 gctr .venv/bin/jupyter lab --ip 0.0.0.0 --no-browser notebooks
FROM python:3.11-slim-bookworm

# What OpenCV's wheel expects of the system, git for provenance, and make. Debian's release fixes their versions well
# enough; Python's packages are pinned in constraints.txt.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes git libgl1 libglib2.0-0 make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 gctr \
    && install --directory --owner=gctr --group=gctr /suite

USER 1000
WORKDIR /suite

# First what installing needs, so that a change of code does not install everything anew.
COPY --chown=gctr:gctr LICENSE Makefile README.md constraints.txt pyproject.toml ./
COPY --chown=gctr:gctr datasets/registry.toml datasets/
COPY --chown=gctr:gctr gctr/__init__.py gctr/
COPY --chown=gctr:gctr notebooks/01_pipeline.ipynb notebooks/
RUN make python

COPY --chown=gctr:gctr . .
CMD ["make", "results"]
