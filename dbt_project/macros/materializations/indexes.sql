{#
    The indexes of a table that is filled load by load, each under a name that follows from what it is. dbt's own has the time in its name,
    so `if not exists` never finds it, and each change of a model's definition would add a copy of every index.
#}
{% macro create_indexes_once(relation) %}
    {% for index_dict in config.get('indexes', default=[]) %}
        {% set index = adapter.parse_index(index_dict) %}
        {% call statement('create_index') %}
            create {{ 'unique ' if index.unique }}index if not exists "{{ index_name(relation, index) }}"
            on {{ relation }} {{ 'using ' ~ index.type if index.type }} ({{ in_reporting_timezone(index.columns | join(', ')) }})
        {% endcall %}
    {% endfor %}
{% endmacro %}

{% macro index_name(relation, index) %}
    {% set columns = [] %}
    {% for column in index.columns %} {% do columns.append(in_reporting_timezone(column)) %} {% endfor %}
    {% do return(local_md5([progress_key(relation), columns, index.unique, index.type] | join(' '))) %}
{% endmacro %}

{# Indexes over a part of a table: meta.partial_indexes = [{columns: […], where: …}]. dbt's own `indexes` know no condition. #}
{% macro create_partial_indexes(relation) %}
    {% for index in config.get('meta', {}).get('partial_indexes', []) %}
        {% call statement('create_partial_index') %}
            create index if not exists {{ partial_index_name(relation, index) }} on {{ relation }} ({{ index.columns | join(', ') }})
            where {{ index.where }}
        {% endcall %}
    {% endfor %}
{% endmacro %}

{% macro partial_index_name(relation, index) %}
    {% do return('partial_' ~ local_md5(progress_key(relation) ~ index)) %}
{% endmacro %}

{# Indexes that the two above made of what the model said before, over the hours of another zone for one: nobody asks for them. #}
{% macro drop_outdated_indexes(relation) %}
    {% set wanted = [] %}
    {% for index_dict in config.get('indexes', default=[]) %}
        {% do wanted.append(index_name(relation, adapter.parse_index(index_dict))) %}
    {% endfor %}
    {% for index in config.get('meta', {}).get('partial_indexes', []) %}
        {% do wanted.append(partial_index_name(relation, index)) %}
    {% endfor %}
    {% set rows = run_query(
        "select c.relname from pg_index as i inner join pg_class as c on c.oid = i.indexrelid where i.indrelid = '" ~ relation
        ~ "'::regclass and c.relname ~ '^(partial_)?[0-9a-f]{32}$'"
    ).rows %}
    {% for row in rows if row[0] not in wanted %}
        {% call statement('drop_index') %} drop index "{{ relation.schema }}"."{{ row[0] }}" {% endcall %}
    {% endfor %}
{% endmacro %}
