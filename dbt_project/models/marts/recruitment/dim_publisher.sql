with publishers as (
    select * from {{ source('reference', 'publisher') }}
),

final as (
    select
        id as publisher_id,
        publisher_name,
        publisher_type,
        publisher_status as status,
        publisher_frequency,
        -- the source spells it so
        curency as currency,
        time_zone,
        countries,
        {{ as_boolean('is_active') }} as is_active,
        {{ as_numeric('cpc_increment') }} as cpc_increment,
        {{ as_numeric('min_bid') }} as min_bid,
        {{ as_numeric('max_bid') }} as max_bid,
        {{ as_timestamptz('created_date') }} as created_at,
        loaded_at,
        removed_at
    from publishers
)

select * from final
