"Packaging for prime_nb. Everything that changes lives in settings.ini, which nbdev reads too."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

STATUSES = [
    '1 - Planning', '2 - Pre-Alpha', '3 - Alpha', '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive'
]
PYTHONS = ['3.10', '3.11', '3.12', '3.13', '3.14']

root = Path(__file__).parent
config = ConfigParser(delimiters=['='])
config.read(root/'settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
readme = root/'README.md'

setup(
    name=cfg['lib_name'],
    version=cfg['version'],
    description=cfg['description'],
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else cfg['description'],
    long_description_content_type='text/markdown',
    keywords=cfg['keywords'],
    author=cfg['author'],
    url=cfg['git_url'],
    license='Apache-2.0',
    classifiers=[
        f"Development Status :: {STATUSES[int(cfg['status']) - 1]}",
        f"Intended Audience :: {cfg['audience']}",
        f"Natural Language :: {cfg['language']}",
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        *(f'Programming Language :: Python :: {v}' for v in PYTHONS[PYTHONS.index(cfg['min_python']):])
    ],
    python_requires=f">={cfg['min_python']}",
    packages=find_packages(include=[cfg['lib_name'], f"{cfg['lib_name']}.*"]),
    include_package_data=True,
    install_requires=cfg['requirements'].split(),
    extras_require={
        name: cfg[f'{name}_requirements'].split()
        for name in ('dev', 'tables', 'text', 'images', 'export', 'bench', 'loops', 'distributed', 'cluster', 'docs')
    },
    entry_points={
        'console_scripts': cfg['console_scripts'].split(),
        'nbdev': [f"{cfg['lib_path']}={cfg['lib_path']}._modidx:d"]
    },
    zip_safe=False)
