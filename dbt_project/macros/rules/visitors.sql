{# Who came: what counts as a login, and the typed, salted keys of visitors. #}

{# The key of a user by what an event says, none where that is a placeholder or only zeros (seed ignored_logins, in which dbt would read the text `null` as no value). #}
{% macro login_user_key(user_id) -%}
    case
        when
            btrim({{ user_id }}) !~ '^0*$'
            and lower(btrim({{ user_id }})) <> 'null'
            and lower(btrim({{ user_id }})) not in (select ignored.login from {{ ref('ignored_logins') }} as ignored)
            then {{ user_key(user_id) }}
    end
{%- endmacro %}

{# An e-mail that can be a login: something@something without blanks, or what `landfall erase` puts in its place. #}
{% macro valid_email(email) -%}
    case when {{ email }} ~ '^[^@\s]+@[^@\s]+$' or {{ email }} ~ '^erased-[0-9a-f]{16}(-[0-9]+)?$' then {{ email }} end
{%- endmacro %}

{#
    visitor_key of a user, an e-mail, a device: typed, as erasure gives a person's user and device one token; made of the keys of these,
    which stay when `landfall retention` shortens identifiers to them.
#}
{% macro visitor_key(kind, key) -%}
    {{ salted_key("'" ~ kind ~ " ' || " ~ key) }}
{%- endmacro %}

{# The login of an identified event: the key and kind of its user, else of its e-mail's only user, else of its e-mail. #}
{% macro login_key_of(event, email_users) -%}
    case
        when coalesce({{ event }}.user_key, {{ email_users }}.user_key) is not null
            then {{ visitor_key('user', 'coalesce(' ~ event ~ '.user_key, ' ~ email_users ~ '.user_key)') }}
        else {{ visitor_key('email', event ~ '.email_key') }}
    end
{%- endmacro %}

{% macro login_kind_of(event, email_users) -%}
    case when coalesce({{ event }}.user_key, {{ email_users }}.user_key) is not null then 'user' else 'email' end
{%- endmacro %}

{# Monday of the week, in the reporting timezone. #}
{% macro reporting_week(instant) -%}
    (date_trunc('week', {{ reporting_day(instant) }}::timestamp)::date)
{%- endmacro %}

{# The day that a session's or an order's place in time is noted under: its bounds are hours, so UTC will do. #}
{% macro utc_day(instant) -%}
    (({{ instant }} at time zone 'UTC')::date)
{%- endmacro %}

{#
    The channel of a session as a touch on the way to an order: `direct` where it went on after a pause (internal), or came back from a
    payment or sign-in page (seed referrer_exclusions). A campaign stays one.
#}
{% macro touch_channel(is_paid, medium, referrer_host) -%}
    case
        when {{ is_paid }} then 'paid'
        when {{ medium }} = 'internal' then 'direct'
        when exists (
            select from {{ ref('referrer_exclusions') }} as excluded
            where {{ referrer_host }} = excluded.host or {{ referrer_host }} like '%.' || excluded.host
        ) then 'direct'
        else {{ medium }}
    end
{%- endmacro %}
