"""The WSGI application, its accounts and roles as the secrets and settings say."""

from superset.app import create_app

from clickstream_superset import accounts, settings

app = create_app()
accounts.ensure(app, settings.load())
