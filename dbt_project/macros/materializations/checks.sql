{#
    What a model of materialization incremental_by_load must have. Each of these would otherwise read nothing, count too little or fail in
    Postgres' words. `upstreams`: see upstream_positions.
#}
{% macro check_by_load(model, upstreams) %}
    {% set said = model.name ~ ' (incremental_by_load)' %}
    {% if not upstreams %}
        {% do exceptions.raise_compiler_error(
            said ~ ' reads no stream: it refers to a landing table, or to an incremental_by_load model that does, itself or through views. '
            ~ 'What reads a table, a seed or a snapshot alone is a `table`, a `view` or dbt\'s own `incremental`.'
        ) %}
    {% endif %}
    {% if not config.get('contract').enforced or not primary_key(model) %}
        {% do exceptions.raise_compiler_error(said ~ ' needs an enforced contract with a primary_key constraint.') %}
    {% endif %}

    {% set strategy, meta = config.get('incremental_strategy'), config.get('meta', {}) %}
    {% set strategies = ['insert_new', 'rebuild_buckets', 'keep_greatest', 'add_up'] %}
    {% if strategy not in strategies %}
        {% do exceptions.raise_compiler_error(
            said ~ ' has incremental_strategy ' ~ strategy ~ ': write ' ~ strategies[:-1] | join(', ') ~ ' or ' ~ strategies[-1]
            ~ '. dbt\'s own strategies are for materialized=\'incremental\'.'
        ) %}
    {% endif %}
    {% if strategy != 'insert_new' and not unique_key_columns() %}
        {% do exceptions.raise_compiler_error(said ~ ' needs a unique_key: its strategy ' ~ strategy ~ ' goes by it.') %}
    {% endif %}
    {% if strategy == 'add_up' and not meta.added %}
        {% do exceptions.raise_compiler_error(said ~ ' needs meta.added: the columns that its strategy add_up adds up.') %}
    {% endif %}
    {% do check_partition_by(model, said) %}
{% endmacro %}


{# The same of its SQL, when that has changed. #}
{% macro check_what_it_reads(model, sql, upstreams) %}
    {% set said = model.name ~ ' (incremental_by_load)' %}
    {% for stream in modules.re.findall("relation = '" ~ progress_key(this) ~ "' and source = '([^']*)'", sql) if stream not in upstreams %}
        {% do exceptions.raise_compiler_error(
            said ~ ' asks for new loads of stream ' ~ stream ~ ', which nothing that it refers to reads: it reads '
            ~ upstreams | sort | join(', ') ~ '.'
        ) %}
    {% endfor %}
    {# a bucket of a single event holds nothing but new rows #}
    {% if config.get('incremental_strategy') == 'rebuild_buckets' and unique_key_columns() != ['event_key'] and reads_new_rows_alone(model, sql, upstreams) %}
        {% do exceptions.raise_compiler_error(
            said ~ ' counts its buckets from new rows alone, so each refresh would replace what earlier ones counted: count the buckets that '
            ~ 'new rows touch from all facts, where {{ readable_loads(stream) }}.'
        ) %}
    {% endif %}
{% endmacro %}


{# Whether each relation with a stream that the SQL names is asked for new loads: as often as it says new_loads, it names one. #}
{% macro reads_new_rows_alone(model, sql, upstreams) %}
    {% set seen = namespace(named=0, asked=0) %}
    {% for key in model.depends_on.nodes %}
        {% set parent = graph_node(key) %}
        {% if parent and (is_by_load(parent) or (is_looked_through(parent) and upstream_positions(parent))) %}
            {% set seen.named = seen.named + sql.count('"' ~ parent.alias ~ '"') %}
        {% endif %}
    {% endfor %}
    {% for stream in upstreams %}
        {# changed_keys asks of ops.changes, which is none of them #}
        {% set seen.asked = seen.asked + sql.count('> ' ~ position_of(stream)) - sql.count('changes.load_id > ' ~ position_of(stream)) %}
    {% endfor %}
    {% do return(seen.asked >= seen.named) %}
{% endmacro %}


{# The columns of unique_key, which dbt takes as one name too. #}
{% macro unique_key_columns() %}
    {% set key = config.get('unique_key') or [] %}
    {% do return([key] if key is string else key | list) %}
{% endmacro %}


{# The macro of a strategy of incremental_by_load: not under dbt's names, which its own `incremental` looks for. #}
{% macro strategy_macro(strategy) -%} by_load_{{ strategy }}_sql {%- endmacro %}
