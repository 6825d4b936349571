with companies as (
    select * from {{ source('reference', 'company') }}
),

final as (
    select
        id as company_id,
        name as company_name,
        manage_type,
        customer_type,
        status,
        {{ as_boolean('is_active') }} as is_active,
        {{ as_numeric('flat_rate') }} as flat_rate,
        {{ as_numeric('percentage_of_click') }} as percentage_of_click,
        {{ as_timestamptz('created_date') }} as created_at,
        loaded_at,
        removed_at
    from companies
)

select * from final
