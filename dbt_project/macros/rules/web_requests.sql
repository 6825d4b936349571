{# Rules of the web shop's requests, each once. Bounds and names that may change are vars of dbt_project.yml. #}

{# The calendar minute in which an address is counted; of an index too, which date_trunc is not allowed in. #}
{% macro calendar_minute(instant) -%}
    date_bin(interval '1 minute', {{ instant }}, timestamptz '2000-01-01 00:00:00+00')
{%- endmacro %}

{# What an action is to the KPIs; null for those that are none of it. Vars web_view_actions, web_cart_actions, … #}
{% macro web_action_kind(action) -%}
    case
        {%- for kind in ['view', 'cart', 'checkout', 'purchase', 'payment_error'] %}
        when
            {{ action }} in (
                {%- for name in var('web_' ~ kind ~ '_actions') %}
                '{{ name }}' {{- ',' if not loop.last }}
                {%- endfor %}
            )
            then '{{ kind }}'
        {%- endfor %}
    end
{%- endmacro %}

{# A status, also as a text float (`503.0`); null for what is none: RFC 9110 gives it three digits. #}
{% macro as_status_code(text) -%}
    case
        when length({{ text }}) = 3 and {{ text }} ~ '^[1-9][0-9]+$' then {{ text }}::bigint
        when {{ text }} ~ '^[ \t\r\n]*[+]?0*[1-9][0-9]{2}(\.0*)?[ \t\r\n]*$' then split_part({{ text }}, '.', 1)::bigint
    end
{%- endmacro %}

{# `2xx`; null without a status. Facts of before may hold what is none. #}
{% macro status_class(status_code) -%}
    case when {{ status_code }} between 100 and 999 then ({{ status_code }} / 100) || 'xx' end
{%- endmacro %}

{# Whether the server, and not the client, failed. #}
{% macro is_server_error(status_code) -%}
    coalesce({{ status_code }} between 500 and 599, false)
{%- endmacro %}

{# Whether paying failed: a checkout that the server failed at, or an action that says so. #}
{% macro is_payment_error(action, status_code) -%}
    coalesce(
        case {{ web_action_kind(action) }}
            when 'payment_error' then true
            when 'checkout' then {{ is_server_error(status_code) }}
        end,
        false
    )
{%- endmacro %}

{# Whether an address that was asked for so often in a calendar minute is a bot's. Var bot_requests_per_minute. #}
{% macro is_bot_rate(request_count) -%}
    {{ request_count }} > {{ var('bot_requests_per_minute') }}
{%- endmacro %}

{#
    Requests of which something new is known: new requests, and all those of the addresses and minutes that these are in, once such a
    minute is over the bound: the eleventh request makes bots of the first ten, also of those of other users and products.
#}
{% macro touched_requests() -%}
    select
        user_key,
        product_key,
        event_at
    from {{ ref('int_web_requests') }}
    where {{ new_loads('web_logs') }}

    union all

    select
        requests.user_key,
        requests.product_key,
        requests.event_at
    from (
        select distinct
            ip_key,
            {{ calendar_minute('event_at') }} as minute_start
        from {{ ref('int_web_requests') }}
        where {{ new_loads('web_logs') }} and ip_key is not null
    ) as touched
    inner join {{ ref('int_web_ip_minutes') }} as minutes
        on
            touched.ip_key = minutes.ip_hash and touched.minute_start = minutes.minute_start
            and {{ is_bot_rate('minutes.request_count') }}
    inner join {{ ref('int_web_requests') }} as requests
        on touched.ip_key = requests.ip_key and touched.minute_start = {{ calendar_minute('requests.event_at') }}
    where {{ readable_loads('web_logs', 'requests.load_id') }}
{%- endmacro %}
