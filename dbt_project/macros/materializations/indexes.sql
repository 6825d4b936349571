{#
    An index under a name that follows from what it is. dbt's own has the time in its name, so `if not exists` never finds it, and
    each change of a model's definition would add a copy of every index.
#}
{% macro postgres__get_create_index_sql(relation, index_dict) -%}
    {%- set index = adapter.parse_index(index_dict) -%}
    {%- set name = local_md5([progress_key(relation), index.columns, index.unique, index.type] | join(' ')) -%}
    create {{ 'unique ' if index.unique }}index if not exists "{{ name }}"
    on {{ relation }} {{ 'using ' ~ index.type if index.type }} ({{ index.columns | join(', ') }})
{%- endmacro %}
